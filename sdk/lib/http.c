#include <certctl/http.h>
