# Headers and libraries.
