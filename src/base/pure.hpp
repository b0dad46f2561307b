// The compiler includes this before every pure file: there, a library that touches the world does
// not compile. See CMakeLists.txt; tests/system/test_layers.py says the same of the standard
// library.
#pragma once

#pragma GCC poison asio spdlog httplib prometheus toml CLI
#pragma GCC poison async_client MQTTAsync_create SSL_CTX_new sd_notify
