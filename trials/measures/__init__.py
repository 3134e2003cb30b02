"""What is measured on the samples of a trial."""
