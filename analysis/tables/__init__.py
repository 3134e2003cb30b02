"""Tables of a study, one topic a file: frames in, a DataFrame out."""
