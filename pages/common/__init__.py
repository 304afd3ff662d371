"""What several pages share: controls (widgets -> settings) and views (results -> pictures)."""
