"""What pages and other files for people share: their colours, and how they are written."""
