"""Films: one picture a frame, each a run of the engine that starts from the frame before as the camera moved it."""
