"""What stands around the pages: routes for those who run the server, headers, names it answers to, logs."""
