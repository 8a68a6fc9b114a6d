# Included, it names the Lua scripts. `cmake -DTO=folder -P scripts.cmake` writes each into that folder as Redis gets it.
set(scripts_after_epoch append.lua read.lua)  # use what epoch.lua declares, which stands before them
set(scripts_alone claim.lua load.lua save.lua)

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${CMAKE_CURRENT_LIST_DIR}/epoch.lua epoch)
  foreach(name ${scripts_after_epoch})
    file(READ ${CMAKE_CURRENT_LIST_DIR}/${name} script)
    file(WRITE ${TO}/${name} "${epoch}${script}")
  endforeach()
  foreach(name ${scripts_alone})
    file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/${name} ${TO}/${name})
  endforeach()
endif()
