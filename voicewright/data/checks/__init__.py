"""What is told of the data before hours of training: kept in stats.json, shown as tables, plotted in the report."""
