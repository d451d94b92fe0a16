"""Recognition of outboxes."""
