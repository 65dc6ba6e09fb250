"""From meter readings to rows of long-term statistics, without Home Assistant."""
