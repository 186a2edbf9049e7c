#!/usr/bin/env python3
"""FFmpeg on a machine that is too slow for two renditions while a file named ``slow`` lies beside it.

With one rendition, or without the file, it is FFmpeg as it is. The file stands in the scratch
directory, which is where encoders run.
"""

import os
import sys

arguments = sys.argv[1:]
if os.path.exists("slow") and arguments.count("flv") > 1:
    at = arguments.index("-i")
    arguments[at:at] = ["-readrate", "0.5"]
os.execvp("ffmpeg", ["ffmpeg", *arguments])
