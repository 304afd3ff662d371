"""What people drew into a photo: true masks and boxes, from files of other tools."""
