// The umbrella header in C++17, and memory of a class behind a smart pointer.
#include <catzilla/catzilla.h>
#include <memory>
#include <new>
#include <string>

struct Entry {
    std::string key;
};

struct CacheDelete {
    void operator()(Entry *entry) const
    {
        entry->~Entry();
        catzilla_cache_free(entry);
    }
};

int main()
{
    std::unique_ptr<Entry, CacheDelete> entry(new (catzilla_cache_alloc(sizeof(Entry)))
                                                  Entry{"a key longer than the string itself"});
    return std::string(CATZILLA_VERSION_STRING) == catzilla_version() && !entry->key.empty() ? 0 : 1;
}
