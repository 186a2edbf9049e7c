"""What goes on around the broadcasts: who watches, and what nginx says of itself."""
