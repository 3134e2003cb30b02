"""One Ray Tune trial: searcher, scheduler, trainable, and what surrounds them."""
