"""What a training method is, a file each over TRL's trainers."""
