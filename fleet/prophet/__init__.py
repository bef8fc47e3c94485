"""Stock Prophet: conversion of a store of the fleet to it, and of a registered Prophet to plain arrays."""
