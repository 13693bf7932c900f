"""The configuration room: from words on a command line to frozen, typed, named science configs."""
