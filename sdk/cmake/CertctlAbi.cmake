# The plugin ABI's version, from the one place that says it: sdk/include/certctl/plugin.h.
set(header "${PROJECT_SOURCE_DIR}/sdk/include/certctl/plugin.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}")
file(STRINGS "${header}" lines REGEX "^#define CERTCTL_ABI_M(AJOR|INOR) +[0-9]+")
string(REGEX REPLACE ".*ABI_MAJOR +([0-9]+).*" "\\1" CERTCTL_ABI_MAJOR "${lines}")
string(REGEX REPLACE ".*ABI_MINOR +([0-9]+).*" "\\1" CERTCTL_ABI_MINOR "${lines}")
set(CERTCTL_ABI_VERSION "${CERTCTL_ABI_MAJOR}.${CERTCTL_ABI_MINOR}")
