"""The command: reads a line, plans every run of it, hands it on; a module a verb in `commands`."""
