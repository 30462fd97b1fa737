"""The terms of the loss, one file each: when each pulls, and how."""
