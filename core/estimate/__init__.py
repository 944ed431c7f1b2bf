"""What a run will take, before anything starts: memory, time, price."""
