# Flags of everything we build ourselves.  None of them reaches a user of the SDK: this file is not installed.

set(CERTCTL_WARNINGS
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla
    -Wformat=2 -Wundef -Wpointer-arith -Wno-sign-conversion -Wno-missing-field-initializers)
if(CERTCTL_WERROR)
  list(APPEND CERTCTL_WARNINGS -Werror)
endif()

set(CERTCTL_HARDENING -fstack-protector-strong -fno-strict-overflow -fno-delete-null-pointer-checks)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND CERTCTL_HARDENING -fcf-protection -fstack-clash-protection)
endif()
if(NOT CERTCTL_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  # Needs optimisation; sanitizers bring checks of their own.
  list(APPEND CERTCTL_HARDENING -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

# certctl_flags(<target>): warnings, hardening, sanitizers.
function(certctl_flags target)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE CERTCTL_VERSION="${PROJECT_VERSION}")
  target_compile_options(${target} PRIVATE ${CERTCTL_WARNINGS} ${CERTCTL_HARDENING})
  get_target_property(type ${target} TYPE)
  if(NOT type MATCHES "STATIC_LIBRARY|OBJECT_LIBRARY|INTERFACE_LIBRARY")
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
    if(type STREQUAL "EXECUTABLE")
      target_link_options(${target} PRIVATE -pie)
    endif()
  endif()
  if(CERTCTL_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CERTCTL_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${CERTCTL_SANITIZE})
    target_compile_definitions(${target} PRIVATE CERTCTL_SANITIZERS)
  endif()
  if(CERTCTL_FUZZERS)
    # The fuzzer is guided by the coverage of the libraries, not of its own few lines.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
