"""The demo clip: people cut out of photos, walking through a drawn room, with the exact truth beside them."""
