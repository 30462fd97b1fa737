"""What the setting track asks for: runs followed by trackers, each by its own library, none of which can fail a run.

Without a server that a library's own environment variables name, all of it stays on disk: in the run folder, or, of
trackers whose store holds many runs, in the folder of the run's study.
"""
