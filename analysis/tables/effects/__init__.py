"""What is compared: contrasts of k, remedies and other settings, with what was claimed and planned."""
