# Whether the plug-in gensearch_cuda.so is built: sets GS_CUDA_BUILT. The program loads it for --device cuda|auto and is
# the same program without it.
#
# GS_CUDA says whether: AUTO where nvcc and cublasLt are found, ON, OFF. cublasLt comes with the CUDA toolkit, or from
# the wheel nvidia-cublas that `tools/setup cuda` unpacks in build/cuda-wheels; -DGS_CUBLAS=DIRECTORY names another
# place that has include/ and lib/.
set(GS_CUDA AUTO CACHE STRING "Build the CUDA plug-in: AUTO, ON or OFF")
set(GS_CUBLAS ${CMAKE_SOURCE_DIR}/build/cuda-wheels/nvidia/cu13 CACHE PATH "Where cublasLt is, beside the toolkit")
set(GS_CUDA_BUILT OFF)
if(GS_CUDA STREQUAL OFF)
  return()
endif()

find_program(NVCC nvcc HINTS /usr/local/cuda/bin)
if(NVCC)
  execute_process(COMMAND realpath ${NVCC} OUTPUT_VARIABLE NVCC_REAL OUTPUT_STRIP_TRAILING_WHITESPACE)
  get_filename_component(NVCC_ROOT ${NVCC_REAL}/../.. ABSOLUTE)
endif()
set(CUDA_PLACES ${NVCC_ROOT} /usr/local/cuda ${GS_CUBLAS})
find_path(CUBLASLT_INCLUDE cublasLt.h HINTS ${CUDA_PLACES} PATH_SUFFIXES include)
find_library(CUBLASLT_LIBRARY NAMES libcublasLt.so.13 libcublasLt.so HINTS ${CUDA_PLACES} PATH_SUFFIXES lib64 lib)
if(NOT NVCC OR NOT CUBLASLT_INCLUDE OR NOT CUBLASLT_LIBRARY)
  set(WHY "nvcc: ${NVCC}, cublasLt.h: ${CUBLASLT_INCLUDE}, libcublasLt.so.13: ${CUBLASLT_LIBRARY}")
  if(GS_CUDA STREQUAL ON)
    message(FATAL_ERROR "The CUDA plug-in needs nvcc and cublasLt (${WHY}); tools/setup cuda fetches cublasLt")
  endif()
  message(STATUS "The CUDA plug-in is not built (${WHY})")
  return()
endif()

# Machine code for the A100 and the H100, and what the driver makes of it for later ones.
set(CMAKE_CUDA_COMPILER ${NVCC})
set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(GS_CUDA_BUILT ON)
