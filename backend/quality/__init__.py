"""How good the data is that departments report: figures of their batches, by source, item and month."""
