"""What commands do beside running models: comparing, measuring, surveying."""
