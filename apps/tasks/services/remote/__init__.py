"""Work at providers: claimed in batches, done concurrently on an event loop, written in batches."""
