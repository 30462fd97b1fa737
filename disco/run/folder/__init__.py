"""What a run leaves behind: its folder.

    image_0.png ...         the finished pictures
    image_0.gif or .mp4     the run as a video, on request
    run.json                the record of the run, from its first second on
    steps.jsonl             a line a step
    progress.png            the picture as it stands
    partials/               pictures on the way: image_0_at_025.png is image 0 after 25 % of the run
    inputs/                 the init image and the image prompts, on request
    concepts/               the concepts of the prompts, likewise
    tensorboard/ ...        what trackers were told, a folder each, on request (`disco.run.tracking`)
    state/                  where the run stands, until it is finished (`disco.run.state`)

Every PNG has the record of its making inside: the settings, its seed, the version, and the hashes of the weights and
of the pictures that went in. Whole files are written beside and renamed, so that whoever looks never sees half a
picture. Pictures come as float tensors [3, H, W] in [-1, 1], on any device. Torch itself is not imported here: records
are read without it.
"""
