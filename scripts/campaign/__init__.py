"""The parts of the fault campaign: processes that start fast, faults, arenas and the books."""
