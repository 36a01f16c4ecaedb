/* SPDX-License-Identifier: Apache-2.0 */
/* What ordinary C++ programs use: exceptions, also in threads, thread_local, futures, condition variables, containers,
 * streams, std::filesystem, regular expressions. */
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <numeric>
#include <regex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct guard {
    ~guard()
    {
        std::cout << "unwound\n";
    }
};
static thread_local int own = 3;
static std::mutex lock;

static void exceptions()
{
    try {
        guard g;
        throw std::runtime_error("thrown");
    } catch (std::exception &e) {
        std::cout << e.what() << "\n";
    }
    try {
        std::vector<int>().at(3);
    } catch (std::out_of_range &) {
        std::cout << "out of range\n";
    }
    try {
        std::string s(1ull << 60, 'x');
    } catch (std::exception &) {
        std::cout << "no memory\n";
    }
}

static void threads()
{
    std::vector<std::thread> all;
    long sum = 0;
    for (int i = 0; i < 8; i++)
        all.emplace_back([&, i] {
            own += i;
            try {
                throw i;
            } catch (int k) {
                std::lock_guard<std::mutex> g(lock);
                sum += k + own;
            }
        });
    for (auto &t : all)
        t.join();
    auto later = std::async(std::launch::async, [] { return 42; });
    std::condition_variable never;
    std::unique_lock<std::mutex> held(lock);
    bool timeout = never.wait_for(held, std::chrono::milliseconds(10)) == std::cv_status::timeout;
    std::cout << sum << " " << later.get() << " " << timeout << "\n";
}

static void files()
{
    namespace fs = std::filesystem;
    char name[] = "/tmp/cpp-XXXXXX";
    const fs::path top = mkdtemp(name);
    fs::create_directories(top / "a" / "b");
    std::ofstream(top / "f") << "line " << std::setprecision(12) << 3.14159265358979 << "\n";
    std::ifstream in(top / "f");
    std::string line;
    std::getline(in, line);
    std::cout << line << " " << fs::file_size(top / "f") << " " << fs::remove_all(top) << "\n";
}

int main()
{
    exceptions();
    threads();
    files();
    std::map<std::string, int> counts;
    for (int i = 0; i < 1000; i++)
        counts[std::to_string(i * 7919 % 97)] += i;
    std::smatch parts;
    const std::string text = "key=value";
    std::cout << counts.size() << " " << counts["5"] << " "
              << std::regex_match(text, parts, std::regex("(\\w+)=(\\w+)")) << " " << parts[2] << "\n";
    std::vector<double> numbers(1000000);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::sort(numbers.rbegin(), numbers.rend());
    std::cout << std::accumulate(numbers.begin(), numbers.end(), 0.0) << "\n";
    return 7;
}
