"""What every key of the programs' settings files becomes here: tables, a file for a family of programs."""
