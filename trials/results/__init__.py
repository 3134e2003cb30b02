"""What a trial reports: measures, verdicts, records. Free of torch."""
