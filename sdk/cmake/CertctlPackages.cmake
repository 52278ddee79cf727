# Packages are declared here (one .deb a component).
