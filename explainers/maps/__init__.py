"""What can be asked of label maps and feature maps once they are there: partitions, regions, agreement, localization, CKA."""
