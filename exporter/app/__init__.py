"""The running exporter and the commands about it: everything is joined here."""
