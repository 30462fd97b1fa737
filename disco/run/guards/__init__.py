"""Guards: a run that goes wrong is seen early, said once with cause and remedy, and by choice stopped or taken back.

`measures` has what is measured of a step's prediction, `table` every threshold with its origin, `causes` what is likely
to blame and how to ease it, and `watch` what a run makes of it (setting guard).
"""
