# What is installed beside the plugins (which install themselves, see CertctlPlugin.cmake).  Components become packages in
# CertctlPackages.cmake.

# Programs find their libraries wherever the prefix is; in /usr nobody has to look.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  file(RELATIVE_PATH from_bin /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH from_libexec /${CMAKE_INSTALL_LIBEXECDIR}/certctl /${CMAKE_INSTALL_LIBDIR})
  set(rpaths "$ORIGIN" "$ORIGIN/${from_bin}" "$ORIGIN/${from_libexec}")
endif()

# certctl_install_program(<target> <component> [<folder>]): a program, where it exists already.
function(certctl_install_program target component)
  if(NOT TARGET ${target})
    return()
  endif()
  set(folder ${ARGN})
  if(NOT folder)
    set(folder ${CMAKE_INSTALL_BINDIR})
  endif()
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "${rpaths}")
  install(TARGETS ${target} RUNTIME DESTINATION ${folder} COMPONENT ${component})
endfunction()

certctl_install_program(certctld server ${CMAKE_INSTALL_SBINDIR})
certctl_install_program(certctl-agent agent ${CMAKE_INSTALL_SBINDIR})
certctl_install_program(certctl-agent-worker agent ${CMAKE_INSTALL_SBINDIR})
certctl_install_program(certctl-cli cli)
certctl_install_program(certctl-plugin-host host ${CMAKE_INSTALL_LIBEXECDIR}/certctl)

# --- The libraries, and the SDK around them ------------------------------------------------------------------------------

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Certctl)
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PC_PREFIX /${pc_dir} /)
string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")

set_target_properties(certctl certctl-http PROPERTIES INSTALL_RPATH "${rpaths}")
install(TARGETS certctl certctl-http EXPORT CertctlTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT sdk)
if(TARGET certctl-plugin)
  set_target_properties(certctl-plugin PROPERTIES INSTALL_RPATH "${rpaths}")
  install(TARGETS certctl-plugin EXPORT CertctlTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT sdk)
endif()
install(EXPORT CertctlTargets NAMESPACE Certctl:: DESTINATION ${package_dir} COMPONENT sdk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/include/certctl DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/templates DESTINATION ${CMAKE_INSTALL_DATADIR}/certctl COMPONENT sdk)

configure_package_config_file(${PROJECT_SOURCE_DIR}/sdk/cmake/CertctlConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/CertctlConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/CertctlConfigVersion.cmake
                                 VERSION ${CERTCTL_ABI_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/CertctlConfig.cmake ${PROJECT_BINARY_DIR}/CertctlConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/sdk/cmake/CertctlPlugin.cmake DESTINATION ${package_dir} COMPONENT sdk)
foreach(pc certctl certctl-http)
  configure_file(${PROJECT_SOURCE_DIR}/sdk/cmake/${pc}.pc.in ${PROJECT_BINARY_DIR}/${pc}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${pc}.pc DESTINATION ${pc_dir} COMPONENT sdk)
endforeach()

# --- Man pages, of the programs that exist --------------------------------------------------------------------------------

find_program(SCDOC scdoc REQUIRED)
# certctl_install_man(<room>/<page>.scd <component>): the page stands in the room of its program.
function(certctl_install_man source component)
  get_filename_component(page ${source} NAME_WLE)
  set(made ${PROJECT_BINARY_DIR}/man/${page})
  add_custom_command(OUTPUT ${made} DEPENDS ${PROJECT_SOURCE_DIR}/${source} VERBATIM
                     COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
                     COMMAND sh -c "\"$1\" <\"$2\" >\"$3\"" man ${SCDOC} ${PROJECT_SOURCE_DIR}/${source} ${made})
  add_custom_target(man-${page} ALL DEPENDS ${made})
  string(REGEX MATCH "[0-9]$" section ${page})
  install(FILES ${made} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
endfunction()

certctl_install_man(sdk/check/certctl-plugin.1.scd sdk)
certctl_install_man(sdk/host/certctl-plugin-host.8.scd host)
if(TARGET certctl-agent)
  certctl_install_man(agent/certctl-agent.8.scd agent)
  certctl_install_man(agent/worker/certctl-agent-worker.8.scd agent)
endif()
if(TARGET certctld)
  certctl_install_man(core/certctld.8.scd server)
endif()
