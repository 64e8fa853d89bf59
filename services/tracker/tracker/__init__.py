"""The tracker: one stable ID per face, in every frame, and the face's story as events."""
