"""The three-way comparison: what Amazon, this database and Magento say of the same orders."""
