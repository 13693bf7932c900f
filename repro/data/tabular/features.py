"""How many features a tabular data set has once it is prepared, by the name that configs give."""

FEATURES = {
    "power": 6, "gas": 8, "hepmass": 21, "miniboone": 43, "bsds300": 63, "power_half_year": 6,
    "miniboone_held_out": 43, "breast_cancer": 30, "bsds300_patches": 63,
}  # fmt: skip
