"""Settings files of Disco-style programs -> presets and studies of disco's: read, recognised, translated, reported."""
