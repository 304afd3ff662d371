"""Makes the bundled encoders. Never imported by the app."""
