"""What a trial reports; free of torch."""
