"""The trials as configurations: their scores, the best of them, what they cost, what they depend on."""
