"""Many seeds in one program: the stack, its optimiser, schedules, loop and checkpoints."""
