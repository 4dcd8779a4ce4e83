"""The launch engine: requests, uploads, the queue of starts, event streams and recovery."""
